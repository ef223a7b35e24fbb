import { Drawer } from "@mantine/core";
import type { IconChartHistogram } from "@tabler/icons-react";
import { Link, type LinkProps } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Logo } from "./Logo";
import styles from "./Shell.module.css";

interface Props {
  opened: boolean;
  pages: readonly { to: NonNullable<LinkProps["to"]>; label: string; icon: typeof IconChartHistogram }[];
  onClose: () => void;
  /** Below the pages. */
  children: ReactNode;
}

/** The navigation of a screen too narrow for the rail. */
export function MenuDrawer({ opened, pages, onClose, children }: Props) {
  return (
    <Drawer opened={opened} onClose={onClose} size={240} title={<Logo named />} closeButtonProps={{ "aria-label": "Close the menu" }}>
      <nav className={styles["drawer"]} aria-label="Pages">
        {pages.map((page) => (
          <Link key={page.to} to={page.to} className={styles["drawerLink"]} onClick={onClose}>
            <page.icon size={20} stroke={1.6} aria-hidden />
            {page.label}
          </Link>
        ))}
        {children}
      </nav>
    </Drawer>
  );
}
